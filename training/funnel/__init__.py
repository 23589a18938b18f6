"""The funnel written down: for a meeting, a spreadsheet, a program."""
