"""The report's page as PDF, its letters inside; refuses to write one in which Chinese would be empty boxes."""

import shutil
import subprocess

from lifeline.errors import InstallError

_PACKAGES = "apt-get install libpangoft2-1.0-0 fonts-noto-cjk (or fonts-wqy-microhei); the HTML is complete"


def pdf(html: str) -> bytes:
    """The page as PDF. Raises InstallError where pango or a Chinese font is missing."""
    if not _has_chinese():
        raise InstallError("there is no font with Chinese letters, so no PDF", advice=_PACKAGES)
    try:
        from weasyprint import HTML
    except OSError as error:  # its libraries are Debian's
        raise InstallError(f"no PDF: {error}", advice=_PACKAGES) from error
    made: bytes = HTML(string=html).write_pdf()
    return made


def _has_chinese() -> bool:
    lister = shutil.which("fc-list")
    if lister is None:
        return False
    found = subprocess.run([lister, ":lang=zh-cn", "family"], capture_output=True, text=True, check=False, timeout=60)
    return bool(found.stdout.strip())
