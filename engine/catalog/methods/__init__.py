"""The methods by name. CONTRIBUTING.md explains how to add one."""

from engine.catalog.entries import MethodInfo, found

METHODS: dict[str, MethodInfo] = found(__name__, __path__, MethodInfo)
