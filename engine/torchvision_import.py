"""Imports torchvision, even with a CPU-only torch, where its CUDA wheels fail with "operator torchvision::nms does not
exist". It is enough to declare the operators first, since none of them is used here."""

import importlib
import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

import torch

_declared: list[torch.library.Library] = []
"""Declarations, kept because they end with the object."""


def torchvision_datasets() -> ModuleType:
    _declare()
    return importlib.import_module("torchvision.datasets")


def torchvision_models() -> ModuleType:
    _declare()
    return importlib.import_module("torchvision.models")


def _declare() -> None:
    if not _declared and not _operators_load():
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _declared.append(library)


def _operators_load() -> bool:
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return True  # not installed: the import will say so
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        compiled = Path(found.origin).with_name(f"_C{suffix}")
        if compiled.exists():
            try:
                torch.ops.load_library(compiled)
                return True
            except OSError:
                return False
    return False
