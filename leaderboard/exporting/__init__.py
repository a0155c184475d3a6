"""The board as one HTML file for archives: its tables, and plots as drawings.

Imports `pages` and what `pages` imports; its page needs neither Gradio nor plotly.
"""
