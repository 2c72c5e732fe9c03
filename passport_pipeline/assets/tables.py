"""Tables in the metadata of assets: counts by month, columns of a frame. Never a row of a patient's."""

from collections.abc import Mapping

import dagster as dg
import pandas as pd

from passport_pipeline.openmrs.survey import Survey


def months_table(survey: Survey) -> dg.MarkdownMetadataValue:
    """Days and live rows of every month that the survey found, as a Markdown table."""
    rows = []
    for month in survey.months():
        digests = survey.digests(month)
        rows.append(f"| {month} | {len(digests)} | {sum(digest.live for digest in digests.values())} |")
    return dg.MetadataValue.md("\n".join(["| month | days | live rows |", "|---|---:|---:|", *rows]))


def counts_table(name: str, counts: Mapping[str, int]) -> dg.MarkdownMetadataValue:
    """Counts by code, the largest first, as a Markdown table."""
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    return dg.MetadataValue.md("\n".join([f"| {name} | n |", "|---|---:|", *(f"| {k} | {n} |" for k, n in ranked)]))


def columns_of(frame: pd.DataFrame) -> dg.TableSchema:
    """A frame's columns with their dtypes, for `dagster/column_schema`."""
    return dg.TableSchema([dg.TableColumn(str(name), str(dtype)) for name, dtype in frame.dtypes.items()])
