"""The report as one page: sections, plots, tables, and where everything comes from."""
