"""Rows with everything that has ever broken a checksum."""

from passport_pipeline_tests.sources.inserting import CREATED


def insert_difficult_rows(database):
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1", "encounter_datetime": CREATED})
    database.insert("encounter", {"encounter_id": 2, "uuid": "enc-2", "encounter_datetime": "0000-00-00 00:00:00"})
    for number, provider in enumerate((7, 3, 7), start=1):
        database.insert(
            "encounter_provider",
            {
                "encounter_provider_id": number,
                "encounter_id": 1,
                "provider_id": provider,
                "encounter_role_id": number % 2 + 1,
                "uuid": f"ep-{number}",
                "voided": int(number == 3),
            },
        )
    database.obs(1, encounter_id=1, value_numeric=0.1)
    database.obs(2, encounter_id=2, value_text="", comments=None)
    database.obs(3, value_text=None, comments="")
    database.obs(4, value_text="x" * 65_535)
    database.obs(5, value_text="a|b,c\n\"d\" 'e' \\ % :f", accession_number="12|3=x")
    database.obs(6, obs_datetime="0000-00-00 00:00:00", value_datetime="0000-00-00 00:00:00")
    database.obs(7, value_datetime="2025-02-03 04:05:06", value_coded=3, value_coded_name_id=4, value_drug=5)
    database.obs(8, value_numeric=1e-7 / 3, location_id=9)
    database.obs(9, value_numeric=123456789.123456789, value_complex="title|file", value_modifier="<")
    database.obs(10, obs_group_id=10)
    database.obs(11, obs_group_id=99_999)
    database.obs(12, obs_group_id=7, date_created="2025-12-31 23:59:59")
    database.obs(13, voided=1)
    database.obs(14, date_created="0000-00-00 00:00:00")
    database.obs(15, value_text="Ħéłło العربية 中文")
