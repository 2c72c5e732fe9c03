"""What the pointer of a complex observation says of its file, in the forms that OpenMRS's handlers write.

    title file |name.pdf                    core: the file's title, the kind of handler, the file on the hospital's disk
    m3ks | instructions | image/jpeg | name.jpg [|path]    the attachments module
    title|name.mp4                          the same without the kind; the title may be just an extension: "jpeg image"
    path/name.jpg                           a plain file
    17                                      an entry of another table, such as a location or a provider

Of another form only what names a file is shown.

What belongs here: these forms. What does not: the caption, which is the row's comment (values), and which pictures make
an image (categories).

Sources: org.openmrs.obs.handler (ImageHandler, BinaryDataHandler, BinaryStreamHandler, MediaHandler,
TextHandler, PatientHandler, LocationObsHandler) and
org.openmrs.module.attachments.obs.ValueComplex.
"""

from __future__ import annotations

import re

ATTACHMENTS = "m3ks"
NOT_SHOWN = "kept at the hospital"
"""What a pointer shows that names no file."""

_PICTURES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".svg", ".dcm", ".dicom"),
)
_HANDLERS = re.compile(r"(?:^|\s+)(?:file|image|media|text|stream|audio|video)$", re.IGNORECASE)
_EXTENSION = re.compile(r"[^.]\.\w{2,5}$")
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_MIME = r"(?:application|audio|image|message|model|multipart|text|video)/[\w.+-]+(?:;.*)?"
_KINDS = "jpeg|jfif|tiff|webp|heic|dicom|docx|xlsx|pptx|html|webm|mpeg"
_TOKEN = re.compile(  # no name that a person would give a file
    rf"(?=\w*\d)\w+|\w{{0,3}}|{_UUID}|{_MIME}|instructions\.\w+|{_KINDS}", re.IGNORECASE
)


def title(pointer: str) -> str:
    """What a pointer shows: the title that somebody gave the file, else the file's own name, never a token."""
    parts = [part.strip() for part in pointer.replace("\0", "").split("|")]
    if parts[0].casefold() == ATTACHMENTS:
        names = parts[3:] or [part for part in parts[1:] if _names_file(part)]
    elif len(parts) <= 2:
        names = [_HANDLERS.sub("", parts[0]), *parts[1:]]
    else:
        names = [part for part in (_HANDLERS.sub("", part) for part in parts) if _names_file(part)]
    return next((_file_name(name) for name in names if _is_shown(name)), NOT_SHOWN)


def is_picture(pointer: str) -> bool:
    """Whether a pointer is to a picture, by its kind or by the extension of a file that it names."""
    parts = [_without_query(part.strip("\0 ").casefold()) for part in pointer.split("|")]
    return any(part.startswith("image/") or part.endswith((*_PICTURES, " image")) for part in parts)


def _names_file(part: str) -> bool:
    return not _TOKEN.fullmatch(part) and bool(_EXTENSION.search(_file_name(part)))


def _is_shown(name: str) -> bool:
    file = _file_name(name)
    return not (_TOKEN.fullmatch(name) or _TOKEN.fullmatch(file)) and any(map(str.isalnum, file))


def _file_name(name: str) -> str:
    return _without_query(name).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].strip()


def _without_query(name: str) -> str:
    """An address without what follows its path."""
    return re.split(r"[?#]", name, maxsplit=1)[0] if "://" in name else name
