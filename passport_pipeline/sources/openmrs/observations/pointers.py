"""What the pointer of a complex observation says of its file, in the forms that OpenMRS's handlers write.

    title file |name.pdf                    core: the file's title, the kind of handler, the file on the hospital's disk
    m3ks | instructions | image/jpeg | name.jpg [|path]    the attachments module
    path/name.jpg                           a plain file
    17                                      an entry of another table, such as a location or a provider

What belongs here: these forms. What does not: the caption, which is the row's comment (values), and which pictures make
an image (categories).

Sources: org.openmrs.obs.handler (ImageHandler, BinaryDataHandler, MediaHandler, TextHandler, LocationObsHandler) and
org.openmrs.module.attachments.obs.ValueComplex.
"""

from __future__ import annotations

import re

ATTACHMENTS = "m3ks"
NOT_SHOWN = "kept at the hospital"
"""What a pointer shows that names no file."""

_PICTURES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".dcm", ".dicom")
_HANDLERS = re.compile(r"\s+(?:file|image|media|text|stream|audio|video)$", re.IGNORECASE)
_TOKEN = re.compile(r"(?=\w*\d)\w+|\w{0,3}")  # no word that a person would give a picture
_EXTENSION = re.compile(r"[^.]\.\w{2,5}$")


def title(pointer: str) -> str:
    """What a pointer shows: the title that somebody gave the file, else the file's own name, never a token."""
    parts = [part.strip() for part in pointer.split("|")]
    if parts[0].casefold() == ATTACHMENTS:
        names = parts[3:4] or parts[1:]
    elif len(parts) == 2:
        heading = _HANDLERS.sub("", parts[0])
        names = [heading, parts[1]] if _is_title(heading) else [parts[1]]
    else:
        names = [part for part in parts if _EXTENSION.search(part)] or parts
    shown = next((name for name in map(_file_name, names) if name), "")
    return NOT_SHOWN if not shown or shown.isdigit() else shown


def is_picture(pointer: str) -> bool:
    """Whether a pointer is to a picture, by its kind or by the extension of a file that it names."""
    parts = [part.strip("\0 ").casefold() for part in pointer.split("|")]
    return any(part.startswith("image/") or part.endswith(_PICTURES) for part in parts)


def _is_title(heading: str) -> bool:
    return bool(heading) and (bool(_EXTENSION.search(heading)) or not _TOKEN.fullmatch(heading))


def _file_name(name: str) -> str:
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].strip()
