// X-P, weight stationary: output columns over the PEs, the same weights to all of them.
// TileK and TileC are the channels that a PE holds weights of.

Constant TileK 1;
Constant TileC 1;
Constant TileY 1;
Constant TileX 1;

Dataflow {
    TemporalMap(1,1) N;
    TemporalMap(1,1) G;
    TemporalMap(TileK,TileK) K;
    TemporalMap(TileC,TileC) C;
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
    TemporalMap(TileY,TileY) Y';
    SpatialMap(TileX,TileX) X';
}
