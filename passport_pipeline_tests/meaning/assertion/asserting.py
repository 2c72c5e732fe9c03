"""What the tests of assertions share: one small dictionary, and the category of a single text."""

from __future__ import annotations

from collections.abc import Iterable

from passport_pipeline.meaning.assertion.assertions import assertions
from passport_pipeline.meaning.assertion.diseases import Diseases

NO_DICTIONARY = Diseases()
DICTIONARY = Diseases(["Malaria", "Tuberculosis", "TB", "Pneumonia", "Dengue", "Homa ya matumbo"])


def category(text: str, diseases: Diseases = DICTIONARY) -> str:
    return assertions([text], diseases)[0].category


def with_names(*names: str) -> Diseases:
    return Diseases(names)


def categories(texts: Iterable[str], diseases: Diseases = DICTIONARY) -> dict[str, str]:
    wanted = list(texts)
    return {text: found.category for text, found in zip(wanted, assertions(wanted, diseases), strict=True)}
