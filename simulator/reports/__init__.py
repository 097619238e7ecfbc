"""What a run leaves behind: a summary for people, and files for people and machines.

`render_summary` and `progress` speak on a console; `write_html`, `write_json_lines` and `write_junit` write
files. All of them read the journal and the `RunResult`, and none shows a secret.
"""

from simulator.reports.console import progress, render_summary
from simulator.reports.html import write_html
from simulator.reports.json_lines import UnreadableJournal, read_json_lines, write_json_lines
from simulator.reports.junit import write_junit
from simulator.reports.wording import describe, span

__all__ = [
    "UnreadableJournal",
    "describe",
    "progress",
    "read_json_lines",
    "render_summary",
    "span",
    "write_html",
    "write_json_lines",
    "write_junit",
]
