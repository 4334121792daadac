"""`failwell demo`: the main jobs of the systems through a failing sandbox, and watch."""

from __future__ import annotations

from pathlib import Path

from failwell.cli import render
from failwell.cli.ending import run_to_the_first_interrupt
from failwell.cli.options import Flag, Several
from failwell.sandbox.demo import Report, Weather


def demo(
    *,
    faults: Weather = "default",
    only: Several = None,
    files: Path | None = None,
    seed: int = 7,
    plain: Flag = False,
    json: Flag = False,
    report: Path | None = None,
    picture: Path | None = None,
) -> int:
    """Do the main jobs of the systems through the sandbox, over a bad network and failing parts.

    The exit status is 1 where something was done twice or was lost, and 2 where a file of `--files`
    is no STEP file that Toolpath takes: it is refused, and all others are priced.

    Parameters
    ----------
    faults
        How bad the weather is.
    only
        Work with just this system (may be given several times).
    files
        A folder of STEP files for Toolpath; the ones that come with failwell if left out.
    seed
        Makes the weather repeat.
    plain
        Plain lines instead of a live table.
    json
        Print JSON for machines; the table or the lines go to standard error.
    report
        Also leave the run as a page, in this HTML file.
    picture
        Also draw the end of the run into this SVG file.
    """
    for path in (report, picture):
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"there is no folder {path.parent}")
    told = _worked(faults, tuple(only or ()), files, seed, plain=plain, aside=json)
    if report is not None:
        _write_page(told, report)
    if picture is not None:
        picture.write_text(render.picture(told), encoding="utf-8")
    return render.demo(told, as_json=json)


def _worked(
    weather: Weather,
    only: tuple[str, ...],
    files: Path | None,
    seed: int,
    *,
    plain: bool,
    aside: bool,
) -> Report:
    """The report of one run, watched while it goes on. Raises `ValueError` where there is nothing
    to do."""
    from failwell.sandbox.demo.lines import lines
    from failwell.sandbox.demo.run import run

    work = lines(only, files)

    with render.watching(plain=plain, aside=aside) as watch:
        return run_to_the_first_interrupt(
            lambda: run(work, weather=weather, seed=seed, watch=watch)
        )


def _write_page(report: Report, path: Path) -> None:
    from failwell.sandbox.demo.page import page

    path.write_text(page(report), "utf-8")
