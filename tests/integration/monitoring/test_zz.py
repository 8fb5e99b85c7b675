from datetime import timedelta
from driftline.monitoring.decision import Context
from driftline.monitoring.run import run_window
from driftline.windows import Window
from tests.integration.shop_log import END
HOUR=timedelta(hours=1)
WINDOW = Window(END - 6 * HOUR, END)
ALIVE = Context(run_id="test", now=END+HOUR)
def show(run):
    print(); print(run.failures, run.decision.verdict, run.decision.reason)
    for f in sorted(run.findings, key=lambda f:(f.check, f.subject, f.test)):
        print(f.check, f.version, f.subject, f.segment, f.test, f.status, f.severity, f.statistic, f.reason or f.description[:90])
def test_strange(brief, shop):
    shop.execute("ALTER TABLE {schema}.predictions ADD nothing double precision, ADD always double precision DEFAULT 3, ADD infinite double precision, ADD huge double precision, ADD decimal_huge numeric, ADD mixed text, ADD fresh text DEFAULT 'a', ADD null_now double precision")
    shop.execute("UPDATE {schema}.predictions SET infinite = CASE WHEN is_member THEN 'Infinity' ELSE '-Infinity' END::float8, huge = CASE WHEN is_member THEN 1e308 ELSE -1e308 END, decimal_huge = CASE WHEN is_member THEN 1e400 ELSE prediction_id END, mixed = CASE WHEN is_member THEN 'many' ELSE prediction_id::text END, null_now=score")
    shop.execute("UPDATE {schema}.predictions SET fresh = CASE WHEN is_member THEN '<b>new</b>' ELSE 'a' END, null_now = NULL WHERE predicted_at >= %s", WINDOW.start)
    names = ["nothing","always","infinite","huge","decimal_huge","mixed","null_now", "amount"]
    show(run_window(brief(features=[{"name":n,"kind":"numeric"} for n in names]+[{"name":"fresh","kind":"categorical"},{"name":"gone","kind":"numeric"}], labels=None), WINDOW, ALIVE))
def test_gone_later(brief, shop):
    m = brief(); run_window(m, Window(WINDOW.start-HOUR, WINDOW.end-HOUR), ALIVE)
    shop.execute("ALTER TABLE {schema}.predictions DROP basket, ADD extra float8 DEFAULT 1")
    shop.execute("DELETE FROM {schema}.predictions WHERE prediction_id = 20159")
    show(run_window(brief(segments=[{"column":"nowhere","values":["x"]},{"column":"country","values":["ZZ", "DE"]}]), WINDOW, ALIVE))
