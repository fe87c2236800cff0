// YR-P, row stationary, after Eyeriss: output rows over clusters, kernel rows over the PEs of a cluster.
// Each PE holds a row of TileK x TileC kernels and slides it along a row of the input.

Constant TileK 1;
Constant TileC 1;
Constant TileX 1;

Dataflow {
    TemporalMap(1,1) N;
    TemporalMap(1,1) G;
    TemporalMap(TileC,TileC) C;
    TemporalMap(TileK,TileK) K;
    SpatialMap(Sz(R),1) Y;
    TemporalMap(TileX,TileX) X';
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
    Cluster(Sz(R), P);
    SpatialMap(1,1) Y;
    SpatialMap(1,1) R;
    TemporalMap(Sz(S),Sz(S)) S;
}
