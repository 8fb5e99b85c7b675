from driftline.monitoring import baseline as b
from tests.integration.monitoring.test_baseline import test_many_models_are_built_at_once_over_months_that_have_no_partition_yet as inner
def test_mut(brief, shop, store_engine, monkeypatch):
    from sqlalchemy import text
    with store_engine.begin() as c:
        for (n,) in c.execute(text("SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid WHERE inhparent = 'driftline.profiles'::regclass")).all():
            c.execute(text(f"DROP TABLE driftline.{n}"))
    monkeypatch.setattr(b, "ensure_profile_partitions", lambda *a: None)
    inner(brief, shop, store_engine)
