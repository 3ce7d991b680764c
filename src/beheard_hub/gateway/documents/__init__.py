"""What the two doors of the hub look like from outside, written down by the code that serves them.

`openapi.py` describes REST, `asyncapi.py` the websocket; `page.py` makes a page for people of the
former. The sources are the tables that the hub itself runs on: the routes, the commands with the
checks of their fields, the events, the frames, the error and close codes. What those cannot say is
here as data: the fields of each reply (`shapes.py`), what each field means with an example of it
(`words.py`, `asked.py`), which refusals belong to a command (`refusing.py`).

``python -m beheard_hub.gateway.documents docs`` writes both documents; a test compares them.
"""
