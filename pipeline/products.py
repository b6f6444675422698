"""What training and scoring multiply with on this machine: each is asked in a process of its own,
since this package imports neither."""

import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Asked:
    """A process that has been started and prints one line."""

    process: "subprocess.Popen[str]"

    @classmethod
    def of(cls, package: str) -> "Asked":
        code = f"from {package}.doctor import products; print(products())"
        line = [sys.executable, "-c", code]
        pipe = subprocess.PIPE
        return cls(subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True))

    def said(self) -> tuple[str, bool]:
        """The line, and whether it is an answer or the reason why there is none."""
        out, error = self.process.communicate()
        lines = (out if self.process.returncode == 0 else error).strip().splitlines()
        return (lines or ["nothing was said"])[-1], self.process.returncode == 0
