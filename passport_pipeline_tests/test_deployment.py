"""The files of a deployment agree with each other, with the Makefile and with the code."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_postgres.utils import pg_url_from_config
from typer.testing import CliRunner

from passport_pipeline.cli.commands import app
from passport_pipeline.cli.demo import DATABASE, database_of, url_variable
from passport_pipeline.config.hospitals import load_hospitals
from passport_pipeline.config.settings import PREFIX, Settings
from passport_pipeline.orchestration import partitions
from passport_sample import dagster_home
from passport_sample.generator import DEMO

ROOT = Path(__file__).resolve().parents[1]
DAGSTER_SERVICES = ("code-location", "webserver", "daemon")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(:[-?])?([^}]*)\}")


def text(name: str) -> str:
    return (ROOT / name).read_text()


def parsed(name: str) -> Any:
    return yaml.safe_load(text(name))


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return parsed("docker-compose.yml")["services"]


def programs() -> set[str]:
    installed = {script.name for script in metadata.entry_points(group="console_scripts")}
    return installed | set(tomllib.loads(text("pyproject.toml"))["project"]["scripts"])


def environment_asked_for(config: Any) -> set[str]:
    """The variables that {env: NAME} in Dagster's files name."""
    if isinstance(config, dict):
        if set(config) == {"env"}:
            return {config["env"]}
        return set().union(*(environment_asked_for(value) for value in config.values()))
    return set().union(*(environment_asked_for(item) for item in config)) if isinstance(config, list) else set()


# docker-compose.yml


def test_compose_runs_what_make_ui_runs(services: dict[str, dict[str, Any]]) -> None:
    natively = dagster_home.commands(ui_port=3000, code_port=4000)
    assert set(natively) == set(DAGSTER_SERVICES)
    for name, command in natively.items():
        bare = [Path(word).name if word.startswith("/") else word for word in command]
        assert [word.replace("0.0.0.0", dagster_home.HOST) for word in services[name]["command"]] == bare


def test_the_image_starts_the_code_location_unless_told_otherwise(services: dict[str, dict[str, Any]]) -> None:
    command = re.search(r"^CMD (\[.*\])$", text("Dockerfile"), re.MULTILINE)
    assert command
    assert yaml.safe_load(command[1]) == services["code-location"]["command"]


def test_every_command_of_our_image_is_a_program_that_is_there(services: dict[str, dict[str, Any]]) -> None:
    ours = {name: service for name, service in services.items() if service["image"].startswith("passport-")}
    assert set(ours) == {*DAGSTER_SERVICES, "sample-load"}
    for service in ours.values():
        assert service["command"][0] in programs()
        check = service.get("healthcheck", {"test": ["CMD", "python"]})["test"]
        assert check[0] == "CMD"
        assert check[1] in {*programs(), "python"}


def test_the_loader_of_the_sample_is_called_with_options_that_it_has(services: dict[str, dict[str, Any]]) -> None:
    command = services["sample-load"]["command"]
    described = CliRunner().invoke(app, [*command[1:3], "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert described.exit_code == 0
    options = dict(zip(command[3::2], command[4::2], strict=True))
    assert all(option in described.output for option in options)
    assert options["--mariadb-url-env"] in services["sample-load"]["environment"]
    assert options["--hospitals-file"] == services["code-location"]["environment"]["PASSPORT_HOSPITALS_FILE"]


def test_passport_variables_are_settings(services: dict[str, dict[str, Any]]) -> None:
    for name in ("code-location", "sample-load"):
        given = {v for v in services[name]["environment"] if v.startswith(PREFIX)}
        assert given
        assert given <= {PREFIX + field.upper() for field in Settings.model_fields}


def test_the_sample_hospitals_of_compose_are_those_of_the_generator(services: dict[str, dict[str, Any]]) -> None:
    expected = {url_variable(spec.key): database_of(spec.key) for spec in DEMO}
    for name in ("code-location", "sample-load"):
        given = {
            variable: re.search(r"/(\w+)\?", url)[1]  # type: ignore[index]
            for variable, url in services[name]["environment"].items()
            if variable.startswith("SAMPLE_") and variable != "SAMPLE_MARIADB_URL"
        }
        assert given == expected


def test_without_further_settings_compose_shows_the_passports_of_the_sample(
    services: dict[str, dict[str, Any]],
) -> None:
    given = VARIABLE.fullmatch(services["code-location"]["environment"]["PASSPORT_MONGO_DATABASE"])
    assert given
    assert given[3] == DATABASE


def without(absent: list[str], modules: list[str]) -> None:
    """Import the modules in a process that lacks what is absent."""
    script = f"import sys; sys.modules.update(dict.fromkeys({absent})); import {', '.join(modules)}"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


SAMPLE_NEEDS = [
    re.match(r"[a-z]+", name)[0]  # type: ignore[index]
    for name in tomllib.loads(text("passport_sample/pyproject.toml"))["project"]["dependencies"]
    if not name.startswith("passport-pipeline")
]


def test_the_image_runs_without_the_sample_and_what_that_needs() -> None:
    modules = ["orchestration.definitions", "definitions", "cli.commands", "cli.demo"]
    without(["passport_sample", *SAMPLE_NEEDS], [f"passport_pipeline.{name}" for name in modules])


def test_the_image_of_the_sample_loads_it_without_what_only_private_servers_need() -> None:
    without(SAMPLE_NEEDS, ["passport_sample.databases", "passport_sample.generator", "passport_sample.loading"])


def test_the_sample_is_no_part_of_the_image_that_reads_hospitals() -> None:
    stages = re.split(r"^(?=FROM )", text("Dockerfile"), flags=re.MULTILINE)
    assert [stage.splitlines()[0] for stage in stages if "passport_sample" in stage] == ["FROM runtime AS sample"]
    assert stages[-1].startswith("FROM runtime\n")


def test_the_sample_has_the_pipelines_version_and_the_development_extra_repeats_what_it_needs() -> None:
    pipeline = tomllib.loads(text("pyproject.toml"))["project"]
    sample = tomllib.loads(text("passport_sample/pyproject.toml"))["project"]
    extras = pipeline["optional-dependencies"]
    assert extras["demo"] == [f"passport-sample=={sample['version']}"] and sample["version"] == pipeline["version"]
    first, *needs = sample["dependencies"]
    assert first == f"passport-pipeline=={pipeline['version']}"
    assert set(needs) <= set(extras["dev"])


def test_every_dagster_service_has_the_variables_that_dagsters_files_ask_for(
    services: dict[str, dict[str, Any]],
) -> None:
    asked = environment_asked_for(parsed("dagster.yaml")) | environment_asked_for(parsed("workspace.yaml"))
    assert asked
    for name in DAGSTER_SERVICES:
        environment = services[name]["environment"]
        assert asked <= set(environment)
        assert environment["DAGSTER_CODE_HOST"] in services
        assert environment["DAGSTER_POSTGRES_HOST"] in services
        assert environment["DAGSTER_CODE_PORT"] == services["code-location"]["command"][-1]


def test_only_the_code_location_is_given_what_opens_patients_data(services: dict[str, dict[str, Any]]) -> None:
    for name in ("webserver", "daemon"):
        assert not [v for v in services[name]["environment"] if v.startswith((PREFIX, "SAMPLE_"))]
        assert "env_file" not in services[name]


def test_what_is_waited_for_exists_and_tells_when_it_is_ready(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for name, wait in service.get("depends_on", {}).items():
            assert name in services
            assert (wait["condition"] == "service_healthy") == ("healthcheck" in services[name])
            optional = "profiles" in services[name] and "profiles" not in service
            assert wait.get("required", True) is not optional


def test_data_lives_in_declared_volumes_and_only_the_ui_has_a_port_on_this_machine(
    services: dict[str, dict[str, Any]],
) -> None:
    declared = set(parsed("docker-compose.yml")["volumes"])
    used = set()
    for service in services.values():
        for mount in service.get("volumes", []):
            source = VARIABLE.sub(lambda match: match[3], mount).split(":")[0]
            assert source in declared
            used.add(source)
    assert used == declared
    assert {name for name, service in services.items() if "ports" in service} == {"webserver"}
    assert all(port.startswith("127.0.0.1:") for port in services["webserver"]["ports"])


def test_images_have_versions_and_run_as_an_ordinary_user(services: dict[str, dict[str, Any]]) -> None:
    assert all(re.search(r":\d+\.\d+", service["image"]) for service in services.values())
    lines = text("Dockerfile").splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert all(re.search(r":3\.11-", base) for base in bases if base != "runtime")
    assert [line for line in lines if line.startswith("USER")] == ["USER passport"]


def test_the_sample_is_under_its_profile_and_nothing_else_is(services: dict[str, dict[str, Any]]) -> None:
    assert {name for name, service in services.items() if service.get("profiles") == ["sample"]} == {
        name for name in services if name.startswith("sample-")
    }


def test_every_variable_of_compose_is_explained_and_secrets_have_no_default() -> None:
    explained = set(re.findall(r"^#?(\w+)=", text(".env.example"), re.MULTILINE))
    found = VARIABLE.findall(text("docker-compose.yml"))
    assert {name for name, _, _ in found} == explained
    for name, operator, default in found:
        if re.search("PASSWORD|KEY", name):
            # A variable of the sample must not keep a deployment without it from starting.
            assert (operator, bool(default)) == ((":-", False) if name.startswith("SAMPLE_") else (":?", True))
    assert not re.findall(r"^\w+=\S", text(".env.example"), re.MULTILINE)


def test_what_the_image_copies_is_sent_to_the_builder() -> None:
    allowed = set(re.findall(r"^!(\S+)$", text(".dockerignore"), re.MULTILINE))
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", text("Dockerfile"), re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


# dagster.yaml and workspace.yaml


def test_dagster_loads_the_deployments_instance_without_its_storage(tmp_path: Path) -> None:
    folder = dagster_home.prepare(tmp_path)
    assert dagster_home.prepare(tmp_path) == folder
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        assert instance.run_retries_enabled
        assert instance.get_settings("run_retries")["retry_on_asset_or_op_failure"] is False
        assert instance.run_monitoring_enabled
        assert not instance.telemetry_enabled
        queue = instance.get_concurrency_config().run_queue_config
        assert queue
        assert type(instance.run_coordinator).__name__ == "QueuedRunCoordinator"


def test_the_limit_per_hospital_is_on_the_tag_that_windows_have() -> None:
    (limit,) = parsed("dagster.yaml")["concurrency"]["runs"]["tag_concurrency_limits"]
    hospital = next(d for d in partitions.windows.partitions_defs if d.partitions_def == partitions.hospitals)
    assert limit["key"] == f"dagster/partition/{hospital.name}"
    assert limit["value"] == {"applyLimitPerUniqueValue": True}


def test_dagsters_storage_is_reached_by_a_driver_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = parsed("dagster.yaml")["storage"]["postgres"]
    for name in environment_asked_for(storage):
        monkeypatch.setenv(name, "x")
    given = {key: value if isinstance(value, str) else "x" for key, value in storage["postgres_db"].items()}
    assert pg_url_from_config({"postgres_db": {"port": 5432, **given}}).startswith("postgresql+psycopg2://")
    assert metadata.version("psycopg2-binary")


# Makefile, .ci/run, the lock, the hooks


def targets() -> dict[str, str]:
    return dict(re.findall(r"^([a-z]+):.*?## (.*)$", text("Makefile"), re.MULTILINE))


def test_make_lists_its_targets_and_every_one_is_there() -> None:
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    phony = re.search(r"^\.PHONY: (.*)$", text("Makefile"), re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == set(targets()) == {line.split()[1] for line in listed.splitlines()}
    assert {"help", "setup", "demo", "test", "ui", "check", "lock", "clean", "stop"} <= set(targets())


def test_the_targets_that_are_written_about_are_there() -> None:
    for name in ("README.md", ".ci/run", "bin/setup", "docker-compose.yml", "dagster.yaml", "workspace.yaml"):
        used = set(re.findall(r"(?:^ +|`|^)make ([a-z]+)(?=`| |$)", text(name), re.MULTILINE))
        assert used <= {*targets(), "again"}


@pytest.mark.parametrize("target", ["demo", "ui", "stop"])
def test_a_target_runs_a_command_that_the_command_line_has(target: str) -> None:
    planned = subprocess.run(
        ["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True, env=_plain_environment()
    ).stdout
    command = shlex.split(planned.splitlines()[-1].rpartition(".venv/bin/passport-pipeline ")[2])
    assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0


def _plain_environment() -> dict[str, str]:
    # A test may itself run under make, whose variables would reach the make that it starts.
    return {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}


def test_the_scripts_are_executable_bash_that_stops_at_the_first_error() -> None:
    for name in ("bin/setup", ".ci/run"):
        assert os.access(ROOT / name, os.X_OK)
        assert text(name).startswith("#!/usr/bin/env bash\n")
        assert "\nset -euo pipefail\n" in text(name)
        subprocess.run(["bash", "-n", str(ROOT / name)], check=True)


def test_ci_checks_and_then_tests() -> None:
    lines = text(".ci/run").splitlines()
    assert lines.index("make check") < next(n for n, line in enumerate(lines) if line.startswith("make test"))


def test_the_lock_holds_no_address_and_every_dependency() -> None:
    lock = text("requirements.lock")
    assert not re.search(r"://|--index|--find-links|@ ", lock)
    pinned = {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    project = tomllib.loads(text("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    own = {"passport-sample"}  # it lies beside the package
    names = {re.match(r"[\w.-]+", requirement)[0].lower().replace("_", "-") for requirement in wanted}  # type: ignore[index]
    assert names - own <= pinned


def test_hooks_run_what_the_lock_installs() -> None:
    (local,) = parsed(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    for hook in local["hooks"]:
        program, *arguments = hook["entry"].split()
        assert hook["language"] == "system"
        assert program.startswith(".venv/bin/")
        assert Path(program).name in programs() | {"ruff"}
        assert all((ROOT / word).exists() for word in arguments if word.startswith("."))


def test_the_example_of_hospitals_is_a_right_one() -> None:
    central, north = load_hospitals(ROOT / "hospitals.example.yaml")
    assert central.enabled
    assert not north.enabled
