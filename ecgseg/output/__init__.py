"""Recording -> files: one module a format, one registry (formats.py), and the report for a person (report_pdf.py)."""
