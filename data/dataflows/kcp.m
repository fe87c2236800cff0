// KC-P, weight stationary, after NVDLA: output channels over clusters, input channels over the PEs of a cluster.
// A cluster of Lanes PEs works on TileC input channels, best a multiple of Lanes, and TileK output channels.

Constant TileK 1;
Constant TileC 16;
Constant TileY 1;
Constant TileX 1;
Constant Lanes 16;

Dataflow {
    TemporalMap(1,1) N;
    TemporalMap(1,1) G;
    SpatialMap(TileK,TileK) K;
    TemporalMap(TileC,TileC) C;
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
    TemporalMap(TileY,TileY) Y';
    TemporalMap(TileX,TileX) X';
    Cluster(Lanes, P);
    SpatialMap(1,1) C;
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
}
