/**
 * As `Promise.all`, but it fails only after everything has come to its end: what the caller closes then is used by no one any more.
 *
 * @throws what the first of them that failed threw
 */
export async function allEnded<const Work extends readonly unknown[]>(
  work: Work,
): Promise<{ -readonly [Index in keyof Work]: Awaited<Work[Index]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
