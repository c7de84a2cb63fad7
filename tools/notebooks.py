"""Run the notebooks: export them to modules, test them, refresh their outputs, run the studies.

    python tools/notebooks.py export
    python tools/notebooks.py test|refresh|study [PART OF A NAME ...] [--jobs 2]
    python tools/notebooks.py headline

`test` runs every notebook and compares what it shows with what is stored (outputs.py); it stores nothing.
`refresh` stores the outputs in the notebooks. `study` runs the studies into _study/; each finds in LR_STUDY_DIR the folder for its tables
and charts. A notebook runs in a process of its own; kernels and outputs do not depend on the user's
Jupyter settings. `headline` prints the tables _study/*/headline.csv.
"""
import argparse
import asyncio
import base64
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path

from outputs import compare_outputs, is_progress
from tqdm import tqdm

TOOLS = Path(__file__).resolve().parent
ROOT = Path.cwd()
STUDY = ROOT / "_study"
INTERVAL = 0.2 if sys.stderr.isatty() else 20  # seconds between two states of the bar


def find_notebooks(*folders: str, parts: list[str] = ()) -> list[Path]:
    """Notebooks in the given folders of nbs/, in reading order; `parts` selects by name."""
    found = [path for folder in folders for path in sorted((ROOT / "nbs" / folder).glob("*.ipynb"))]
    return [path for path in found if not parts or any(part in path.stem for part in parts)]


def export() -> int:
    """Write loyalty_research/name.py from every nbs/api/NN_name.ipynb."""
    from nbdev.export import nb_export

    for path in find_notebooks("api"):
        nb_export(path, lib_path=ROOT / "loyalty_research")
    return 0


def set_environment(scratch: str) -> None:
    """Make runs repeatable: no user settings, no bars in outputs, one order of sets."""
    os.environ.update(
        IPYTHONDIR=scratch, JUPYTER_CONFIG_DIR=scratch, JUPYTER_PREFER_ENV_PATH="1",
        PYTHONHASHSEED="0", TQDM_DISABLE="1", PYDEVD_DISABLE_FILE_VALIDATION="1",
    )
    os.environ.pop("MPLBACKEND", None)
    os.environ.pop("JUPYTER_PATH", None)


def clean(notebook: dict) -> None:
    """Drop what differs from run to run: counts, timings, object addresses, widgets (progress bars) and their state."""
    from nbdev.clean import clean_nb

    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not is_progress(output)]
    clean_nb(notebook, clean_ids=True)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type in ("display_data", "execute_result"):
                output.metadata = {}


def lighten(png: str) -> str:
    """Return an image in base64 in 256 colours, which a chart does not exceed to the eye: about a third of the bytes."""
    from PIL import Image

    small = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


async def execute(path: Path, env: dict[str, str], bar: tqdm) -> tuple[dict, str]:
    """Run one notebook in a kernel of its own; return it, cleaned, and the error."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    notebook = nbformat.read(path, 4)
    error = ""

    def advance(cell, cell_index, **_):
        if cell.cell_type == "code":
            bar.set_postfix_str(path.stem, refresh=False)
            bar.update()

    client = NotebookClient(
        notebook, timeout=None, kernel_name="python3", record_timing=False, coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=CRITICAL", "--IPKernelApp.extra_extensions=figure_data"],
        resources={"metadata": {"path": str(path.parent)}}, on_cell_complete=advance,
    )
    try:
        await client.async_execute(env={**os.environ, "PYTHONPATH": str(TOOLS), **env})
    except (CellExecutionError, DeadKernelError) as problem:
        error = f"\n{path.relative_to(ROOT)} fails:\n{problem}"
    clean(notebook)
    return notebook, error


async def store(path: Path, target: Path, env: dict[str, str], bar: tqdm) -> str:
    """Run one notebook and write it to `target`, its images lightened; return the error, with which a notebook is not overwritten."""
    import nbformat

    notebook, error = await execute(path, env, bar)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "image/png" in output.get("data", {}):
            output.data["image/png"] = lighten(output.data["image/png"])
    if target != path or not error:
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
    return error


async def check(path: Path, bar: tqdm) -> str:
    """Run one notebook and return its error, or what it shows that is not what it stores."""
    import nbformat

    fresh, error = await execute(path, {}, bar)
    problems = [] if error else compare_outputs(nbformat.read(path, 4), fresh)
    if problems:
        error = "\n  ".join([f"\n{path.relative_to(ROOT)} shows what its code no longer says; run `make refresh ONLY={path.stem}` and look:", *problems]) + "\n"
    return error


async def run_all(run, tasks: list[tuple], jobs: int) -> int:
    """Await `run(*task, bar)` for tasks that begin with a notebook, `jobs` at a time; the bar counts code cells."""
    import nbformat

    cells = sum(c.cell_type == "code" for path, *_ in tasks for c in nbformat.read(path, 4).cells)
    free = asyncio.Semaphore(jobs)
    with tqdm(total=cells, desc="cells", disable=False, mininterval=INTERVAL) as bar:

        async def take(task):
            async with free:
                return await run(*task, bar)

        errors = [error for error in await asyncio.gather(*map(take, tasks)) if error]
    print(*errors, sep="\n", file=sys.stderr, end="")
    return bool(errors)


def study_folder(path: Path) -> Path:
    """_study/s01 for nbs/studies/s01_name.ipynb."""
    return STUDY / path.stem.split("_")[0]


def run_studies(notebooks: list[Path], jobs: int) -> int:
    if not notebooks:
        print("There is no study in nbs/studies/ yet: nothing to run.")
        return 0
    tasks = []
    for path in notebooks:
        folder = study_folder(path)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        tasks.append((path, STUDY / path.name, {"LR_STUDY_DIR": str(folder)}))
    return asyncio.run(run_all(store, tasks, jobs))


def print_headlines() -> int:
    import pandas as pd

    for path in sorted(STUDY.glob("*/headline.csv")):
        print(f"\n{path.relative_to(ROOT)}\n{pd.read_csv(path).to_string(index=False)}")
    print(f"\nOpen {ROOT / '_site' / 'index.html'}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("task", choices=["export", "test", "refresh", "study", "headline"])
    parser.add_argument("parts", nargs="*", help="only notebooks with one of these in their name")
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    if chosen.task == "export":
        return export()
    if chosen.task == "headline":
        return print_headlines()
    with tempfile.TemporaryDirectory() as scratch:
        set_environment(scratch)
        if chosen.task == "study":
            return run_studies(find_notebooks("studies", parts=chosen.parts), chosen.jobs)
        every = find_notebooks("studies", "api", "guides", "", parts=chosen.parts)
        if chosen.task == "test":
            return asyncio.run(run_all(check, [(path,) for path in every], chosen.jobs))
        return asyncio.run(run_all(store, [(path, path, {}) for path in every], chosen.jobs))


if __name__ == "__main__":
    sys.exit(main())
