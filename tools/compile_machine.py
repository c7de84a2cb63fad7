"""Compile the rule machine into its cache, for processes that would else compile it side by side, each anew.

    python tools/compile_machine.py
"""
import loyalty_research as lr

lr.replay(lr.make_events(10), lr.load_scheme("jd"))
lr.simulate("jd", 10, 4, progress=False, twins=True)
