"""DICOMweb by the standard library alone, as a script may have it (PS3.18): STOW, QIDO, WADO."""

import email
import json
import urllib.parse
import urllib.request
import uuid

FAILED_SOP_SEQUENCE = "00081198"
REFERENCED_SOP_SEQUENCE = "00081199"


class DicomWeb:
    """A DICOMweb service.

    Args:
        root: Its address, e.g. "http://127.0.0.1:8042/dicom-web".
    """

    def __init__(self, root):
        self.root = root

    def store(self, files):
        """STOW-RS; gives the numbers of instances that were stored and that failed."""
        boundary = uuid.uuid4().hex
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        parts = [head + path.read_bytes() + b"\r\n" for path in files]
        kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
        answer = json.loads(
            self._ask(
                "studies",
                "application/dicom+json",
                data=b"".join(parts) + f"--{boundary}--\r\n".encode(),
                headers={"Content-Type": kind},
            )[0]
        )
        return tuple(
            len(answer.get(tag, {}).get("Value", []))
            for tag in (REFERENCED_SOP_SEQUENCE, FAILED_SOP_SEQUENCE)
        )

    def query(self, path, **matches):
        """QIDO-RS; e.g. `query("series", Modality="CT")`."""
        asked = urllib.parse.urlencode(matches)
        return json.loads(self._ask(f"{path}?{asked}", "application/dicom+json")[0])

    def fetch(self, path, folder):
        """WADO-RS; writes every instance into a folder and gives the files."""
        # as it is stored: without it, a PACS has to decompress first, which not each one can
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        content, kind = self._ask(path, accept)
        message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + content)
        folder.mkdir(parents=True)
        files = []
        for number, part in enumerate(message.get_payload()):
            files.append(folder / f"{number:04}.dcm")
            files[-1].write_bytes(part.get_payload(decode=True))
        return files

    def _ask(self, path, accept, data=None, headers=None):
        request = urllib.request.Request(  # noqa: S310  # http, by the test's own fixture
            f"{self.root}/{path}", data, {"Accept": accept, **(headers or {})}
        )
        with urllib.request.urlopen(request) as answer:  # noqa: S310  # the same
            return answer.read(), answer.headers["Content-Type"]
