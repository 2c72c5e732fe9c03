"""What each table of an OpenMRS database holds, as text that schema reads.

What belongs here: columns, types, keys, indexes, and which version has which. What does not: reading this.

A table is a text of one column a line: name, type, then marks. `!` not null, `=x` default, `key`, `unique`,
`primary`, `auto`; `2.1..` from that version on, `..1.9` up to it; a span alone on the first line holds for
the whole table. A line that starts with `@` stands for columns that many tables share; a span after it
holds for all.
"""

from passport_sample.schema_concepts import CONCEPT_TABLES

SHARED = {
    "@audit": "creator int ! =0 key\ndate_created datetime !",
    "@audit-no-default": "creator int ! key\ndate_created datetime !",
    "@changed": "changed_by int key\ndate_changed datetime",
    "@voided": "voided bool ! =0\nvoided_by int key\ndate_voided datetime\nvoid_reason varchar(255)",
    "@retired": "retired bool ! =0\nretired_by int key\ndate_retired datetime\nretire_reason varchar(255)",
    "@retired-key": "retired bool ! =0 key\nretired_by int key\ndate_retired datetime\nretire_reason varchar(255)",
    "@uuid": "uuid char(38) unique ..1.9\nuuid char(38) ! unique 2.1..",
    "@uuid!": "uuid char(38) ! unique",
}

TABLES = CONCEPT_TABLES | {
    "obs": """
        obs_id int ! auto primary
        person_id int ! key
        concept_id int ! =0 key
        encounter_id int key
        order_id int key
        obs_datetime datetime ! key
        location_id int key
        obs_group_id int key
        accession_number varchar(255)
        value_group_id int
        value_boolean bool ..1.9
        value_coded int key
        value_coded_name_id int key
        value_drug int key
        value_datetime datetime
        value_numeric double
        value_modifier varchar(2)
        value_text text
        value_complex varchar(255) ..1.9
        value_complex varchar(1000) 2.1..
        comments varchar(255)
        @audit
        @voided
        @uuid
        previous_version int key 1.9..
        form_namespace_and_path varchar(255) 2.1..
        status varchar(16) ! =FINAL 2.1..
        interpretation varchar(32) 2.1..
    """,
    "person": """
        person_id int ! auto primary
        gender varchar(50)
        birthdate date key
        birthdate_estimated bool ! =0
        dead bool ! =0
        death_date datetime key
        deathdate_estimated bool ! =0 2.1..
        birthtime time 2.1..
        cause_of_death int key
        cause_of_death_non_coded varchar(255) 2.2..
        creator int key
        date_created datetime !
        @changed
        @voided
        @uuid
    """,
    "person_name": """
        person_name_id int ! auto primary
        preferred bool ! =0
        person_id int ! key
        prefix varchar(50)
        given_name varchar(50) key
        middle_name varchar(50) key
        family_name_prefix varchar(50)
        family_name varchar(50) key
        family_name2 varchar(50) key
        family_name_suffix varchar(50)
        degree varchar(50)
        @audit
        @voided
        changed_by int
        date_changed datetime
        @uuid
    """,
    "person_merge_log": """
        1.9..
        person_merge_log_id int ! auto primary
        winner_person_id int ! key
        loser_person_id int ! key
        @audit-no-default
        merged_data longtext ! ..1.9
        merged_data text ! 2.1..
        @changed
        @voided
        @uuid!
    """,
    "patient": """
        patient_id int ! auto primary
        tribe int ..1.9
        @audit
        @changed
        @voided
        allergy_status varchar(50) ! =Unknown 2.1..
    """,
    "patient_identifier": """
        patient_identifier_id int ! auto primary
        patient_id int ! =0 key
        identifier varchar(50) ! key
        identifier_type int ! =0 key
        preferred bool ! =0
        location_id int key
        patient_program_id int key 2.6..
        @audit
        @changed
        @voided
        @uuid
    """,
    "patient_identifier_type": """
        patient_identifier_type_id int ! auto primary
        name varchar(50) !
        description text ! ..1.9
        description text 2.1..
        format varchar(255)
        check_digit bool ! =0
        required bool ! =0
        format_description varchar(255)
        validator varchar(200)
        location_behavior varchar(50)
        uniqueness_behavior varchar(50) 2.1..
        @audit
        @changed 2.1..
        @retired-key
        @uuid
    """,
    "encounter": """
        encounter_id int ! auto primary
        encounter_type int ! key
        patient_id int ! =0 key
        provider_id int ! =0 key ..1.9.0
        location_id int key
        form_id int key
        encounter_datetime datetime ! key
        visit_id int key
        @audit
        @changed
        @voided
        @uuid
    """,
    "encounter_type": """
        encounter_type_id int ! auto primary
        name varchar(50) ! ..1.9
        name varchar(50) ! unique 2.1..
        description text
        edit_privilege varchar(255) key 2.1..
        view_privilege varchar(255) key 2.1..
        @audit
        @changed 2.1..
        @retired-key
        @uuid
    """,
    "encounter_role": """
        encounter_role_id int ! auto primary
        name varchar(255) ! ..1.9
        name varchar(255) ! unique 2.1..
        description varchar(1024)
        @audit-no-default
        @changed
        @retired
        @uuid!
    """,
    "encounter_provider": """
        1.9..
        encounter_provider_id int ! auto primary
        encounter_id int ! key
        provider_id int ! key
        encounter_role_id int ! key
        @audit
        @changed
        @voided
        @uuid!
    """,
    "provider": """
        provider_id int ! auto primary
        person_id int key
        name varchar(255)
        identifier varchar(255)
        role_id int key 2.2..
        speciality_id int key 2.2..
        provider_role_id int key 2.7..
        @audit-no-default
        @changed
        @retired
        @uuid!
    """,
    "users": """
        user_id int ! auto primary
        system_id varchar(50) !
        username varchar(50)
        password varchar(128)
        salt varchar(128)
        secret_question varchar(255)
        secret_answer varchar(255)
        person_id int ! key
        activation_key varchar(255) 2.2..
        email varchar(255) unique 2.2..
        @audit
        @changed
        @retired
        uuid char(38) !
    """,
    "location": """
        location_id int ! auto primary
        name varchar(255) ! key
        description varchar(255)
        {addresses}
        city_village varchar(255)
        state_province varchar(255)
        postal_code varchar(50)
        country varchar(50)
        latitude varchar(50)
        longitude varchar(50)
        county_district varchar(50) ..1.9.0
        county_district varchar(255) 1.9..
        parent_location int key
        location_type_concept_id int key 2.5..
        @audit
        @changed 1.9..
        @retired-key
        @uuid
    """.replace(
        "{addresses}",
        "\n".join(f"address{n} varchar(255) {'2.1..' if n > 6 else ''}" for n in range(1, 16)),
    ),
    "visit": """
        visit_id int ! auto primary
        patient_id int ! key
        visit_type_id int ! key
        date_started datetime !
        date_stopped datetime
        indication_concept_id int key
        location_id int key
        @audit-no-default
        @changed
        @voided
        @uuid!
    """,
    "visit_type": """
        visit_type_id int ! auto primary
        name varchar(255) !
        description varchar(1024)
        @audit-no-default
        @changed
        @retired
        @uuid!
    """,
    "global_property": """
        property varchar(255) ! primary
        property_value text
        description text
        datatype varchar(255) 1.9..
        datatype_config text 1.9..
        preferred_handler varchar(255) 1.9..
        handler_config text 1.9..
        @changed 2.1..
        view_privilege varchar(255) key 2.7..
        edit_privilege varchar(255) key 2.7..
        delete_privilege varchar(255) key 2.7..
        @uuid
    """,
}
