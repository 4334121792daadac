from bench import policies as p
import sys
if __name__=="__main__":
    p._peers=lambda t:{}
    for f in (p._outages,p._dead):
        for r in f(): print(r.name, round(r.ratio,3), r.detail, r.target, flush=True)
    for t in (p._stacks,p._async_stacks,p._breakers,p._calls):
        for r in t(): print(t.__name__, r.name, round(r.micros,2), round(r.ratio,3), r.target, flush=True)
