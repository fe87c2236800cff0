// KY-P: output channels over clusters, output rows over the PEs of a cluster, which share their weights.
// A cluster of Lanes PEs works on TileY rows, best a multiple of Lanes, of TileK output channels.

Constant TileK 1;
Constant TileC 4;
Constant TileY 4;
Constant TileX 4;
Constant Lanes 4;

Dataflow {
    TemporalMap(1,1) N;
    TemporalMap(1,1) G;
    SpatialMap(TileK,TileK) K;
    TemporalMap(TileC,TileC) C;
    TemporalMap(TileY,TileY) Y';
    TemporalMap(TileX,TileX) X';
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
    Cluster(Lanes, P);
    SpatialMap(1,1) Y';
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
}
