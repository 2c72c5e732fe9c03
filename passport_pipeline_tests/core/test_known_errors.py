"""Every known error of a driver becomes the right error of the pipeline, whose text quotes nothing of the driver's."""

import builtins
import errno
import http.client
import socket
import ssl

import dagster as dg
import pymongo.errors
import pymysql
import pytest

from passport_pipeline.batches.known_errors import FILES
from passport_pipeline.batches.store import Batches
from passport_pipeline.core.errors import (
    BatchError,
    BatchUnreachable,
    PassportRefused,
    PassportUnreachable,
    SourceRefused,
)
from passport_pipeline.orchestration.assets.error_handling import failing_clearly
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.database import answering
from passport_pipeline.passport.mongo.known_errors import MONGODB
from passport_pipeline.sources.mysql.connection import translated
from passport_pipeline.sources.mysql.known_errors import MARIADB

SECRET = "Amberlyn Samplewood"
NAMES = {MARIADB: "mariadb", MONGODB: "mongodb", FILES: "files"}
EXIT_CODES = {MARIADB: 3, MONGODB: 4, FILES: 5}
LABELS = {"RetryableWriteError", "TransientTransactionError"}
ROWS = [
    pytest.param(errors, known, key, id=f"{name}-{key}")
    for errors, name in NAMES.items()
    for known in errors.table
    for key in known.keys
]


def class_named(name):
    """The class of that name, or a new one of that name for a driver that is not installed."""
    for place in (builtins, pymongo.errors, socket, ssl, http.client):
        if hasattr(place, name):
            return getattr(place, name)
    return type(name, (Exception,), {})


def of_driver(origin, key):
    """The error as the driver raises it, with somebody's name in its text."""
    if key in LABELS:
        return pymongo.errors.PyMongoError(SECRET, error_labels=[key])
    if isinstance(key, str):
        return class_named(key)(SECRET)
    if origin is MARIADB:
        return pymysql.err.OperationalError(key, SECRET)
    if origin is MONGODB:
        return pymongo.errors.OperationFailure(SECRET, key, {"errmsg": SECRET})
    return OSError(key, SECRET)


class FailingFiles:
    """Batches whose file system raises an error."""

    def __init__(self, folder, error):
        self.batches = Batches(folder)
        self.batches.fs = self
        self.error = error

    def exists(self, path):
        raise self.error


def meet(origin, error, folder):
    """Raise the driver's error where the pipeline meets it."""
    if origin is MARIADB:
        raise translated("central", error)
    if origin is MONGODB:
        with answering("storing records"):
            raise error
    FailingFiles(folder, error).batches.read_frames("central", "lookups")


@pytest.mark.parametrize(("errors", "known", "key"), ROWS)
def test_every_known_error_becomes_its_kind_with_its_advice_and_is_retried_only_if_transient(
    errors, known, key, tmp_path
):
    @failing_clearly
    def body():
        meet(errors, of_driver(errors, key), tmp_path)

    with pytest.raises(known.kind) as met:
        meet(errors, of_driver(errors, key), tmp_path)
    assert met.value.exit_code == EXIT_CODES[errors]
    with pytest.raises(dg.Failure) as failed:
        body()
    assert failed.value.allow_retries is known.kind.transient
    assert failed.value.metadata["exit_code"].value == EXIT_CODES[errors]
    advice = known.advice.format(table="a table")
    for text in (str(met.value), failed.value.description):
        assert advice in text
        assert SECRET not in text and "Samplewood" not in text
    if isinstance(key, int) and key:
        assert f"(error {key})" in failed.value.description


@pytest.mark.parametrize(
    ("origin", "error"),
    [
        (MARIADB, pymysql.err.OperationalError(9999, SECRET)),
        (MONGODB, pymongo.errors.OperationFailure(SECRET, 99999)),
        (FILES, OSError(errno.EINVAL, SECRET)),
    ],
)
def test_an_unlisted_error_is_permanent_and_its_text_is_not_quoted(origin, error, tmp_path):
    kind, advice = origin.unlisted
    with pytest.raises(kind) as met:
        meet(origin, error, tmp_path)
    assert not met.value.transient
    assert advice in str(met.value)
    assert SECRET not in str(met.value)


def test_no_error_is_listed_twice():
    keys = [(name, key) for errors, name in NAMES.items() for known in errors.table for key in known.keys]
    assert len(keys) == len(set(keys))


def test_every_code_that_mongodbs_driver_retries_is_transient():
    from pymongo.helpers_shared import _RETRYABLE_ERROR_CODES

    for code in _RETRYABLE_ERROR_CODES:
        assert MONGODB.find(pymongo.errors.OperationFailure("", code)).kind is PassportUnreachable


def test_a_refused_certificate_is_told_from_a_server_that_does_not_answer():
    """PyMySQL gives both the same number."""
    error = pymysql.err.OperationalError(2003, SECRET)
    error.original_exception = ssl.SSLCertVerificationError(SECRET)
    assert isinstance(translated("central", error), SourceRefused)
    error.original_exception = ConnectionRefusedError(111, SECRET)
    assert translated("central", error).transient


def test_an_unlisted_write_error_with_a_retryable_label_is_transient():
    error = pymongo.errors.OperationFailure(SECRET, 99999)
    error._add_error_label("RetryableWriteError")
    assert MONGODB.find(error).kind is PassportUnreachable


@pytest.mark.parametrize(
    ("codes", "kind"), [([112], PassportUnreachable), ([112, 189], PassportUnreachable), ([112, 13], PassportRefused)]
)
def test_a_bulk_write_is_transient_only_if_the_errors_of_all_documents_are(codes, kind):
    class Refusing:
        def insert_many(self, documents, ordered):
            errors = [{"index": n, "code": code, "errmsg": SECRET} for n, code in enumerate(codes)]
            raise pymongo.errors.BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})

    with pytest.raises(kind) as caught:
        bulk.insert(Refusing(), [{"_id": n} for n in range(len(codes))])
    assert SECRET not in str(caught.value)


class Interrupted:
    """A file of an object store whose download breaks off."""

    def __init__(self, error):
        self.error = error

    def open(self, path, mode="rb"):
        raise self.error

    def exists(self, path):
        return True

    def ls(self, folder, detail):
        return [f"{folder}/2026-09-17.parquet"]

    def invalidate_cache(self, path):
        pass


@pytest.mark.parametrize("error", [ConnectionError(SECRET), TimeoutError(), class_named("ClientPayloadError")(SECRET)])
def test_a_file_whose_download_is_interrupted_is_not_taken_for_absent(error, tmp_path):
    store = Batches(tmp_path)
    store.fs = Interrupted(error)
    with pytest.raises(BatchUnreachable) as caught:
        store.days("central", "2026-09")
    assert caught.value.transient


def test_a_full_disk_is_reported_and_not_retried(tmp_path, monkeypatch):
    import pandas as pd

    from passport_pipeline.batches import files

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_private_file", full)
    with pytest.raises(BatchError, match="the disk is full; free space or set PASSPORT_BATCHES") as caught:
        Batches(tmp_path).write_frames("central", "lookups", {"one": pd.DataFrame()}, {})
    assert not caught.value.transient
    assert not list(tmp_path.rglob("*.partial"))
