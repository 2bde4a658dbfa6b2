import { Type } from '@sinclair/typebox';
import { NAME_PATTERN, defenseUse, oneOf, pluginUse } from './schema-parts.js';

/** What `use: ensemble` takes, among the defenses. */
export const ensembleSchema = Type.Object(
  {
    vote: oneOf(['majority', 'mean', 'random'], {
      default: 'majority',
      description:
        'majority: the class that most members name, ties going to the higher mean probability, then to the smaller class; mean: the highest mean probability; random: one member, drawn for each image and draw, answers',
    }),
    members: Type.Array(
      Type.Object(
        {
          name: Type.Optional(
            Type.String({
              pattern: NAME_PATTERN,
              description: 'what results call it; default: m1, m2, … in the order of the list',
            }),
          ),
          defense: Type.Optional(
            defenseUse('what stands before its model: { use: NAME, … }, or a list of such; default: nothing'),
          ),
          model: Type.Optional(
            pluginUse("its network: { use: NAME, … }, { use: run:ID } or { use: PATH }; default: the spec's model"),
          ),
        },
        {
          additionalProperties: false,
          description: 'a defense and a model: { defense: { use: … }, model: { use: … } }',
        },
      ),
      { minItems: 1, maxItems: 64, description: 'the members, each { defense: …, model: … }' },
    ),
  },
  { additionalProperties: false, description: 'models behind defenses that answer together' },
);
