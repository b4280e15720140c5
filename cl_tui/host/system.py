"""How busy this process and its GPU are, sampled in the background at most once a second."""

import contextlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Load:
    processors: float
    """Processors in use, such as 1.5."""
    of_processors: int
    memory: int
    """Bytes of this process."""
    gpu: float | None = None
    """Share of the time in which the GPU computes; None without an NVIDIA GPU."""
    gpu_memory: int = 0
    """Bytes in use on the GPU, by every process."""


class LoadSampler(threading.Thread):
    """Samples until ``end``; it ends with the program. Without psutil's numbers, ``newest`` stays None."""

    def __init__(self) -> None:
        super().__init__(name="load", daemon=True)
        self.newest: Load | None = None
        self.device = ""
        """Where the run computes, as its log says: a GPU is asked for its load if the run uses one."""
        self._over = threading.Event()
        self._gpu: _Gpu | None = None

    def end(self) -> None:
        self._over.set()

    def run(self) -> None:
        import psutil  # not at the top: the first frame comes before it

        with contextlib.suppress(psutil.Error, OSError):
            process = psutil.Process()
            process.cpu_percent()
            while not self._over.wait(SAMPLE_SECONDS):
                self.newest = self._sample(process)
        if self._gpu is not None:
            self._gpu.close()

    def _sample(self, process: "psutil.Process") -> Load:
        if self._gpu is None and self.device.startswith("cuda"):
            self._gpu = _Gpu(self.device)
        share, memory = self._gpu.load() if self._gpu is not None else (None, 0)
        busy = process.cpu_percent() / 100
        return Load(busy, os.cpu_count() or 1, process.memory_info().rss, share, memory)


class _Gpu:
    """An NVIDIA GPU, if its library is there."""

    def __init__(self, device: str) -> None:
        self._handle: object | None = None
        with contextlib.suppress(Exception):  # no library, no driver, no such device: then nothing is told of it
            import pynvml

            pynvml.nvmlInit()
            number = int(device.partition(":")[2] or 0)
            self._handle = pynvml.nvmlDeviceGetHandleByIndex(_of_the_system(number))

    def load(self) -> tuple[float | None, int]:
        if self._handle is None:
            return None, 0
        with contextlib.suppress(Exception):
            import pynvml

            busy = pynvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100
            return float(busy), int(pynvml.nvmlDeviceGetMemoryInfo(self._handle).used)
        return None, 0

    def close(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(Exception):
                import pynvml

                pynvml.nvmlShutdown()


def _of_the_system(number: int) -> int:
    """The system's number of the GPU that is this process's ``number``."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    numbers = [part.strip() for part in visible.split(",")]
    return int(numbers[number]) if number < len(numbers) and numbers[number].isdigit() else number
