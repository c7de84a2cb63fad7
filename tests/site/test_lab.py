"""Reading in JupyterLab: each study opened in a real browser with what it holds, and run by a kernel."""
import json
import os
import shutil
import subprocess
import sys
import time
from urllib.request import urlopen

import nbformat
import pytest

from .conftest import ROOT

pytestmark = pytest.mark.browser
STUDIES = sorted((ROOT / "nbs" / "studies").glob("*.ipynb"))
SETTINGS = "--no-browser --allow-root --ServerApp.ip=127.0.0.1 --ServerApp.port=0 --ServerApp.port_retries=0 --IdentityProvider.token= " \
    "--LabApp.expose_app_in_browser=True --LabApp.extension_manager=readonly --LabApp.news_url=None --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"
OPEN = "path => jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'}).then(() => true)"
CELLS = "jupyterapp.shell.currentWidget.content.model.toJSON().cells"
RUN = "async () => { await jupyterapp.shell.currentWidget.sessionContext.ready; return await jupyterapp.commands.execute('notebook:run-all-cells'); }"
STARTED = "() => window.jupyterapp && jupyterapp.restored.then(() => true)"
READY = "path => { const shown = jupyterapp.shell.currentWidget; return shown && shown.context && shown.context.path === path && shown.context.isReady; }"
CLOSE = "async () => { const shown = jupyterapp.shell.currentWidget; await shown.sessionContext.shutdown(); shown.dispose(); }"
SHOWN = ".jp-OutputArea-output img, .jp-OutputArea-output table"


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The address of a JupyterLab over a copy of the notebooks, without the settings of whoever runs the test."""
    home = tmp_path_factory.mktemp("lab")
    for folder in ("nbs", "data"):
        shutil.copytree(ROOT / folder, home / folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    own = {"JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_RUNTIME_DIR": home / "runtime", "JUPYTERLAB_SETTINGS_DIR": home / "settings", "JUPYTERLAB_WORKSPACES_DIR": home / "places"}
    command = [sys.executable, "-m", "jupyterlab", *SETTINGS.split(), f"--ServerApp.root_dir={home / 'nbs'}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=home, env=os.environ | {name: str(path) for name, path in own.items()}, stdout=log, stderr=log)
    try:
        yield wait_for(server, home)
    finally:
        server.kill()   # asked to end, it waits for its extensions; the kernels are ended with their studies
        server.wait()


def wait_for(server: subprocess.Popen, home) -> str:
    """Return the address of a server as soon as it answers."""
    for _ in range(300):
        for path in (home / "runtime").glob("jpserver-*.json"):
            address = json.loads(path.read_text())["url"].rstrip("/")
            if urlopen(f"{address}/api", timeout=10).status == 200:
                return address
        if server.poll() is not None:
            break
        time.sleep(0.2)
    pytest.fail(f"JupyterLab does not answer: {(home / 'log').read_text()[-2000:]}")


@pytest.fixture(scope="session")
def desk(browser, lab):
    """JupyterLab in the browser, with nothing open."""
    page = browser.new_page()
    page.set_default_timeout(180_000)   # ms; the first page of a server on a busy machine takes half a minute
    page.goto(f"{lab}/lab?reset")
    page.wait_for_function(STARTED)
    yield page
    page.close()


@pytest.fixture
def study(desk, request):
    """A study as it opens in JupyterLab."""
    path = f"studies/{request.param.name}"
    desk.evaluate(OPEN, path)
    desk.wait_for_function(READY, arg=path)
    yield desk
    desk.evaluate(CLOSE)


def ids(path) -> str:
    return path.stem


@pytest.mark.parametrize("study, path", [(path, path) for path in STUDIES], indirect=["study"], ids=map(ids, STUDIES))
def test_a_study_opens_with_its_outputs(study, path):
    stored = nbformat.read(path, 4).cells
    assert [len(cell.get("outputs", ())) for cell in study.evaluate(CELLS)] == [len(cell.get("outputs", ())) for cell in stored]
    for what in ("h1", SHOWN):
        study.locator(f".jp-NotebookPanel:not(.lm-mod-hidden) :is({what})").first.wait_for(state="visible")


def run_all(study) -> None:
    done = study.evaluate(RUN)
    code = [cell for cell in study.evaluate(CELLS) if cell["cell_type"] == "code" and cell["source"]]
    assert not [output["evalue"] for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    assert done and [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))


@pytest.mark.parametrize("study", [path for path in STUDIES if path.stem.startswith("s02")], indirect=True, ids=ids)   # the quickest
def test_a_kernel_runs_a_whole_study(study):
    run_all(study)


@pytest.mark.soak
@pytest.mark.parametrize("study", STUDIES, indirect=True, ids=ids)
def test_a_kernel_runs_every_study(study):
    run_all(study)
