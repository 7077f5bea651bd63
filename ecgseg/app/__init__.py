"""A web page on this machine: drop a picture, look, correct, take the files away.

The logic (`desk.py` and what it calls) knows nothing of the web; Gradio is only asked for in `page.py`, `server.py`.
Research tool, not a medical device.
"""
