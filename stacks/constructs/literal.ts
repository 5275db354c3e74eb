/** A text that Terraform takes as it is: in its JSON, `${` and `%{` begin an expression in every string. */
export function literal(text: string): string {
  return text.replaceAll(/[$%](?=\{)/g, "$&$&");
}
