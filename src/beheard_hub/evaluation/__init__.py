"""`beheard eval`: journeys played with any provider, scored by what can be checked without opinion.

The whole hub runs in one process and two clients play the journey; only the facilitator is wrapped
(`recording.Recorder`), so that what is scored is what really went to a model and what came back.
Every score is a row of `scores.SCORES`; whether an answer is wise is not among them.
"""
