// YX-P, output stationary, after ShiDianNao: rows over clusters, columns over the PEs of a cluster.
// A cluster of Lanes PEs computes TileX columns, best a multiple of Lanes, TileY rows at a time.

Constant TileK 1;
Constant TileC 1;
Constant TileY 1;
Constant TileX 8;
Constant Lanes 8;

Dataflow {
    TemporalMap(1,1) N;
    TemporalMap(1,1) G;
    TemporalMap(TileK,TileK) K;
    SpatialMap(TileY,TileY) Y';
    TemporalMap(TileX,TileX) X';
    TemporalMap(TileC,TileC) C;
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
    Cluster(Lanes, P);
    SpatialMap(1,1) X';
    TemporalMap(Sz(R),Sz(R)) R;
    TemporalMap(Sz(S),Sz(S)) S;
}
