"""Translation validation: emitted source, read back and proved equal to the derived equations."""

from derive.verification.report import Finding, Proved, Report
from derive.verification.verify import verify_directory, verify_files

__all__ = ["Finding", "Proved", "Report", "verify_directory", "verify_files"]
