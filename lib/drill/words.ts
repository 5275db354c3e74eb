/** How the note begins of what `status` was to say, and did not. */
export const UNSAID = "status says nothing of";
