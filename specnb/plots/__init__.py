"""Figures: functions that take arrays or tables and return a matplotlib Figure; nothing is saved or
shown in them.
"""
