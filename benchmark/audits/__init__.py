"""Label validity by people: the drawn images, what raters answered, and what follows from it.

Imports splits and everything below it.
"""
