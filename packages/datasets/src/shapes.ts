/**
 * Whether a point lies in the figure. The figure has radius 1 about the origin; the two textures fill the plane.
 */
export type Figure = (x: number, y: number) => boolean;

const STAR_INNER = 0.42;
const STAR_EDGE = { x: STAR_INNER * Math.cos(Math.PI / 5) - 1, y: STAR_INNER * Math.sin(Math.PI / 5) };
const CELL = 0.5;

/** The ten classes of the drawn images, by label. */
export const FIGURES: readonly { readonly name: string; readonly contains: Figure }[] = [
  { name: 'disc', contains: (x, y) => x * x + y * y < 0.85 },
  { name: 'ring', contains: (x, y) => x * x + y * y < 1 && x * x + y * y > 0.3 },
  { name: 'square', contains: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.8 },
  { name: 'triangle', contains: triangle },
  { name: 'star', contains: star },
  {
    name: 'cross',
    contains: (x, y) => (Math.abs(x) < 0.32 && Math.abs(y) < 1) || (Math.abs(y) < 0.32 && Math.abs(x) < 1),
  },
  { name: 'crescent', contains: (x, y) => x * x + y * y < 1 && (x - 0.55) ** 2 + y * y > 0.55 },
  { name: 'heart', contains: heart },
  { name: 'stripes', contains: (x) => Math.floor(x / CELL) % 2 === 0 },
  { name: 'checkerboard', contains: (x, y) => (Math.floor(x / CELL) + Math.floor(y / CELL)) % 2 === 0 },
];

/** Equilateral, its corners at distance 1.1. */
function triangle(x: number, y: number): boolean {
  const edge = 0.55;
  const half = Math.sqrt(3) / 2;
  return -y < edge && half * x + 0.5 * y < edge && -half * x + 0.5 * y < edge;
}

/** Five points: folded into one tenth of the circle, the star is what lies inside of one straight edge. */
function star(x: number, y: number): boolean {
  const tenth = Math.PI / 5;
  const angle = Math.abs(Math.atan2(y, x)) % (2 * tenth);
  const folded = angle > tenth ? 2 * tenth - angle : angle;
  const radius = Math.hypot(x, y);
  return STAR_EDGE.x * radius * Math.sin(folded) - STAR_EDGE.y * (radius * Math.cos(folded) - 1) > 0;
}

/** The sextic (x² + y² − 1)³ = x² y³, made to fit. */
function heart(x: number, y: number): boolean {
  const u = 1.2 * x;
  const v = -1.2 * y + 0.1;
  return (u * u + v * v - 1) ** 3 < u * u * v ** 3;
}
