from lrsched.simulation.comparing import Compared as Compared, compare as compare
from lrsched.simulation.explaining import Explanation as Explanation, explain as explain
from lrsched.simulation.replaying import (
    Mode as Mode,
    Replay as Replay,
    ReplayedEpoch as ReplayedEpoch,
    keep_recorded as keep_recorded,
    replay as replay,
    verify as verify,
)
from lrsched.simulation.spaces import Space as Space
from lrsched.simulation.sweeping import sweep as sweep, sweep_blocks as sweep_blocks
from lrsched.simulation.swept import Sweep as Sweep
