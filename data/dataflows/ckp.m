// CK-P, input shared: input channels over clusters, output channels over the PEs of a cluster.
// All PEs of a cluster take the same inputs; the clusters' sums are added on the way out.

Constant TileK 16;
Constant TileC 1;
Constant TileY 1;
Constant TileX 1;
Constant Lanes 16;

Dataflow {
    TemporalMap(1,1) N;
    TemporalMap(1,1) G;
    SpatialMap(TileC,TileC) C;
    TemporalMap(TileK,TileK) K;
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
    TemporalMap(TileY,TileY) Y';
    TemporalMap(TileX,TileX) X';
    Cluster(Lanes, P);
    SpatialMap(1,1) K;
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
}
