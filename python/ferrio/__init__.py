from ._ferrio import Future, Task
from ._loop import Loop
def new_event_loop(): return Loop()
