"""What the command line ends with; the first that holds counts: 2, 4, 1, 3, 0."""

FINDINGS = 1
"""Findings at or above --fail-on."""
USAGE = 2
"""Usage or configuration, before any call to Graph."""
NOT_ASSESSED = 3
"""Something not assessed or in error."""
NO_AUDIT = 4
"""No audit made."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""
