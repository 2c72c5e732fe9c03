"""The labels of what a record shows: its own, and those of other records that it shows.

What belongs here: which record shows which, as far as labels go. What does not: which labels a record has by itself (a
stream), how it shows others (data_fields).
"""

from __future__ import annotations

import pandas as pd

from passport_pipeline.sources.drafts import CONDITION, MEDICATION, VISIT


def shown_labels(records: pd.DataFrame) -> list[list[str] | None]:
    """The labels of each of Drafts.records, sorted; None for none.

    A visit has those of all its records: it shows its diagnoses, and the page its medications and tests. The condition
    that lists the medications of a visit has theirs.
    """
    own = records["labels"]
    if not own.notna().any():
        return [None] * len(records)
    columns = {"at": range(len(records)), "visit": records["visit"].to_numpy(), "type": records["type"].to_numpy()}
    shown = pd.DataFrame({**columns, "primary": (records["order"] == "primary").to_numpy(), "labels": own.to_numpy()})
    of_visit = shown[shown["visit"] >= 0]
    labelled = of_visit[of_visit["labels"].notna()]
    labels: list[set[str]] = [set(each or ()) for each in own.tolist()]
    conditions = of_visit[of_visit["type"] == CONDITION].sort_values("primary", ascending=False, kind="stable")
    for showing, told in (
        (of_visit[of_visit["type"] == VISIT], labelled),
        (conditions.drop_duplicates("visit"), labelled[labelled["type"] == MEDICATION]),
    ):
        for at, more in (
            showing[["at", "visit"]].merge(told[["visit", "labels"]], on="visit")[["at", "labels"]].to_numpy()
        ):
            labels[at] |= {*more}
    return [sorted(each) or None for each in labels]
