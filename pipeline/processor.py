"""The processor of this machine, and whether it multiplies matrices by itself."""

from pathlib import Path

MATRIX_FLAGS = ("amx_tile", "amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx_vnni")


def processor(info: Path = Path("/proc/cpuinfo")) -> str:
    """Its name, and the instructions of it that matter for matrices; "unknown" where the system
    does not say.

    >>> processor(Path("/no/such/file"))
    'unknown'
    """
    if not info.exists():
        return "unknown"
    lines = (line.partition(":") for line in info.read_text(encoding="utf-8").splitlines())
    said = {key.strip(): value.strip() for key, _, value in lines if value}
    has = said.get("flags", "").split()
    flags = [flag for flag in MATRIX_FLAGS if flag in has]
    known = [*flags, *([] if any("amx" in flag for flag in flags) else ["no AMX"])]
    return f"{said.get('model name', 'unknown')} ({', '.join(known)})"
