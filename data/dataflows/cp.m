// C-P, no local reuse: input channels over the PEs, whose products are added on the way out.
// TileK, TileY and TileX are what one PE computes at a time.

Constant TileK 1;
Constant TileY 1;
Constant TileX 1;

Dataflow {
    TemporalMap(1,1) N;
    TemporalMap(1,1) G;
    TemporalMap(TileK,TileK) K;
    TemporalMap(TileY,TileY) Y';
    TemporalMap(TileX,TileX) X';
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
    SpatialMap(1,1) C;
}
