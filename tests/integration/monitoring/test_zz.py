import cProfile, pstats, time, resource
from datetime import timedelta
from driftline.monitoring.baseline import build_baseline
from driftline.monitoring.decision import Context
from driftline.monitoring.run import run_window
from driftline.windows import Window
from tests.integration.shop_log import END
W = Window(END - timedelta(hours=6), END)
import pytest
@pytest.mark.parametrize("n",[0,1,2])
def test_t(brief, n):
    m = brief()
    p = cProfile.Profile()
    t=time.process_time(); w=time.time()
    p.enable(); build_baseline(m); p.disable()
    print("build cpu", time.process_time()-t, "wall", time.time()-w)
    if n==2: pstats.Stats(p).sort_stats("cumtime").print_stats(32)
    p = cProfile.Profile()
    t=time.process_time(); w=time.time()
    p.enable(); run_window(m, W, Context(now=END+timedelta(hours=1))); p.disable()
    print("run cpu", time.process_time()-t, "wall", time.time()-w)
    if n==2: pstats.Stats(p).sort_stats("cumtime").print_stats(40)
