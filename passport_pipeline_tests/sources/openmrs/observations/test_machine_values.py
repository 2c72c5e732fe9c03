"""Values that software wrote for itself name no disease and no drug."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passport_pipeline.sources.openmrs.observations.machine_values import is_machine_value


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "-0.5",
        "1,200.50",
        "<20",
        "1e5",
        "0x1F",
        "120/80",
        "38.5 %",
        "+250 788 123 456",
        "",
        "???",
        "null",
        "[object Object]",
        "8eb53e19-8177-41e9-baf8-3f3a33c30deb",
        "8EB53E19-8177-41E9-BAF8-3F3A33C30DEB",
        "8eb53e19817741e9baf83f3a33c30deb",
        "117399AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "507f1f77bcf86cd799439011",
        "aGVsbG8gd29ybGQgMTIzNDU2Nzg5MA==",
        "8eb53e19-8177-41e9-baf8-3f3a33c30deb, 342957fb-ff1d-48dd-89f8-5b4843a5f9fa",
        "2024-03-05",
        "05/03/2024 14:30",
        "2024-03-05T14:30:00.000+0200",
        "Tue Mar 05 10:00:00 CAT 2024",
        "5 mars 2024",
        "/opt/openmrs/complex_obs/a",
        "C:\\openmrs\\complex_obs",
        "complex_obs/2025/12-04/k-IMG_1",
        "https://hospital.example/ws/rest/v1/obs/7",
        "openmrs:///obs 7",
        "data:image/png;base64,iVBORw0KGgo=",
        "wound left foot.jpg",
        "m3ks | instructions.default | image/jpeg | wound.jpg",
        "image/jpeg",
        "org.openmrs.Location - 7 - Outpatients",
        "org.openmrs.Patient#7",
        '{"uuid": "8eb53e19", "display": "Malaria"}',
        '{"display": "Malaria", "answers": [',
        '["Malaria"]',
        "[]",
    ],
)
def test_machine_values(text):
    assert is_machine_value(text)
    assert is_machine_value(f" {text}\n")


@pytest.mark.parametrize(
    "text",
    [
        "Malaria",
        "TB",
        "HTN/DM",
        "HTN/DM/CKD",
        "malaria/typhoid",
        "N/A",
        "COVID-19",
        "Type 2 diabetes",
        "T2DM",
        "G6PD",
        "CD4 < 200",
        "500 mg",
        "Amoxicillin 500mg",
        "Cotrimoxazole800mg/160mg-Tablets",
        "N-acetyl-5-methoxytryptamine",
        "Pneumonoultramicroscopicsilicovolcanoconiosis",
        "1. Malaria",
        "[Malaria]",
        '"Malaria"',
        "(malaria)",
        "May",
        "Marfan 2024",
        "J45.9 Asthma",
        "<p>Malaria</p>",
        "Fracture of T12",
        "ወባ",
        "https: malaria",
        "e.g. malaria",
    ],
)
def test_what_a_person_wrote_is_none(text):
    assert not is_machine_value(text)


@given(st.text())
def test_no_text_raises(text):
    assert is_machine_value(text) in {True, False}


@pytest.mark.parametrize("text", ["[" * 65_000, "a/" * 30_000, "1," * 30_000, "A" * 65_000, "a-" * 30_000])
def test_a_long_text_takes_no_long_time(text):
    assert is_machine_value(text) in {True, False}
