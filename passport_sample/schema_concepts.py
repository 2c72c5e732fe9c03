"""What each table of OpenMRS's concept dictionary holds, in the notation that schema_tables explains.

What belongs here: concepts, their names, numbers, answers, sets and mappings, and drugs. What does not:
the rest.
"""

CONCEPT_TABLES = {
    "concept": """
        concept_id int ! auto primary
        short_name varchar(255)
        description text
        form_text text
        datatype_id int ! =0 key
        class_id int ! =0 key
        is_set bool ! =0
        version varchar(50)
        @audit
        @changed
        @retired
        @uuid
    """,
    "concept_name": """
        concept_name_id int ! auto primary
        concept_id int key
        name varchar(255) ! key
        locale varchar(50) !
        locale_preferred bool =0
        concept_name_type varchar(50)
        @audit
        @changed 2.1..
        @voided
        @uuid
    """,
    "concept_class": """
        concept_class_id int ! auto primary
        name varchar(255) ! ..1.9
        name varchar(255) ! key 2.1..
        description varchar(255) ! ..1.9
        description varchar(255) 2.1..
        @audit
        @changed 2.1..
        @retired-key
        @uuid
    """,
    "concept_datatype": """
        concept_datatype_id int ! auto primary
        name varchar(255) ! ..1.9
        name varchar(255) ! key 2.1..
        hl7_abbreviation varchar(3)
        description varchar(255) ! ..1.9
        description varchar(255) 2.1..
        @audit
        @retired-key
        @uuid
    """,
    "concept_numeric": """
        concept_id int ! =0 primary
        hi_absolute double
        hi_critical double
        hi_normal double
        low_absolute double
        low_critical double
        low_normal double
        units varchar(50)
        precise bool ! =0 ..2.1
        allow_decimal bool =0 2.2..
        display_precision int ..1.9.0
        display_precision int 2.1..
    """,
    "concept_complex": """
        concept_id int ! primary
        handler varchar(255)
    """,
    "concept_answer": """
        concept_answer_id int ! auto primary
        concept_id int ! =0 key
        answer_concept int key
        answer_drug int key
        sort_weight double
        @audit
        @uuid
    """,
    "concept_set": """
        concept_set_id int ! auto primary
        concept_id int ! =0 key
        concept_set int ! =0 key
        sort_weight double
        @audit
        @uuid
    """,
    "concept_reference_source": """
        concept_source_id int ! auto primary
        name varchar(50) !
        description text !
        hl7_code varchar(50) unique
        unique_id varchar(250) unique 2.1..
        @audit
        @changed 2.1..
        @retired
        @uuid
    """,
    "concept_reference_term": """
        concept_reference_term_id int ! auto primary
        concept_source_id int ! key
        name varchar(255)
        code varchar(255) ! key
        version varchar(255)
        description varchar(255)
        @audit-no-default
        @changed
        @retired
        @uuid!
    """,
    "concept_reference_map": """
        concept_map_id int ! auto primary
        concept_reference_term_id int ! key
        concept_map_type_id int ! =1 key
        concept_id int ! =0 key
        @audit
        @changed
        @uuid
    """,
    "concept_map_type": """
        concept_map_type_id int ! auto primary
        name varchar(255) ! unique
        description varchar(255)
        is_hidden bool ! =0
        @audit-no-default
        @changed
        @retired
        @uuid!
    """,
    "drug": """
        drug_id int ! auto primary
        concept_id int ! =0 key
        name varchar(50) ..1.9.0
        name varchar(255) 1.9..
        combination bool ! =0
        dosage_form int key
        dose_strength double ..1.9
        units varchar(50) ..1.9
        strength varchar(255) 2.1..
        maximum_daily_dose double
        minimum_daily_dose double
        dose_limit_units int key 2.3..
        route int key
        @audit
        @changed
        @retired
        @uuid
    """,
}
