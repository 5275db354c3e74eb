import {
  AnnotatedType,
  ArrayType,
  type BaseType,
  BooleanType,
  type createProgram,
  DefinitionType,
  LiteralType,
  type NodeParser,
  NumberType,
  ObjectProperty,
  ObjectType,
  StringType,
  type SubNodeParser,
  TypeAliasNodeParser,
  UndefinedType,
  UnionType,
} from "ts-json-schema-generator";

type Checker = ReturnType<ReturnType<typeof createProgram>["getTypeChecker"]>;
type Checked = ReturnType<Checker["getTypeAtLocation"]>;
type Field = ReturnType<Checked["getProperties"]>[number];
type Annotations = ConstructorParameters<typeof AnnotatedType>[1];
type Alias = Parameters<TypeAliasNodeParser["createType"]>[0];

/**
 * Types that are computed from tables (`keyof typeof ROWS`, what valibot infers): the library reads types off their syntax, where these do not stand. So of the aliases of a file that has tables the
 * compiler is asked what they come to; an alias that has no place in JSON as it stands is left to the library.
 */
export class ComputedAliases implements SubNodeParser {
  readonly #checker: Checker;
  readonly #isAlias: (node: Alias) => boolean;
  readonly #computed = new Map<Alias, BaseType | undefined>();

  constructor(checker: Checker, types: NodeParser) {
    this.#checker = checker;
    const aliases = new TypeAliasNodeParser(checker, types);
    this.#isAlias = (node) => aliases.supportsNode(node);
  }

  supportsNode(node: Alias): boolean {
    if (!this.#isAlias(node) || node.typeParameters !== undefined || !/\btypeof\b/.test(node.getSourceFile().text)) return false;
    if (!this.#computed.has(node)) this.#computed.set(node, this.#compute(node));
    return this.#computed.get(node) !== undefined;
  }

  createType(node: Alias): BaseType {
    const type = this.#computed.get(node);
    if (type === undefined) throw new Error(`${node.name.text} is not a computed type`);
    return new DefinitionType(node.name.text, type);
  }

  #compute(node: Alias): BaseType | undefined {
    return this.#typeOf(this.#checker.getTypeAtLocation(node), node.name.text);
  }

  /** @param id a name of its own for every object type. @returns undefined for what has no place in JSON */
  #typeOf(type: Checked, id: string): BaseType | undefined {
    const simple = SIMPLE[this.#checker.typeToString(type)];
    if (simple !== undefined) return simple();
    if (type.isStringLiteral() || type.isNumberLiteral()) return new LiteralType(type.value);
    if (type.isUnion())
      return whole(
        this.#inOrder(type.types).map((each, index) => this.#typeOf(each, `${id}-${index}`)),
        (parts) => new UnionType(parts),
      );
    if (this.#checker.isArrayType(type)) {
      const [item] = this.#checker.getTypeArguments(type as Parameters<Checker["getTypeArguments"]>[0]);
      const items = item === undefined ? undefined : this.#typeOf(item, `${id}-item`);
      return items === undefined ? undefined : new ArrayType(items);
    }
    const open = this.#checker.getIndexInfosOfType(type).length > 0;
    if (open || type.getCallSignatures().length > 0 || type.getProperties().length === 0) return undefined;
    return whole(
      type.getProperties().map((symbol) => {
        const value = this.#typeOf(this.#checker.getTypeOfSymbol(symbol), `${id}-${symbol.name}`);
        if (value === undefined) return undefined;
        const annotations = this.#annotationsOf(symbol);
        const said = Object.keys(annotations).length === 0 ? value : new AnnotatedType(value, annotations, false);
        // What may be left out may be undefined, which the library makes of it.
        return new ObjectProperty(symbol.name, said, true);
      }),
      (properties) => new ObjectType(id, [], properties, false),
    );
  }

  /** By what they are: the compiler's own order changes with what else it has read. */
  #inOrder(types: readonly Checked[]): readonly Checked[] {
    const texts = new Map(types.map((type) => [type, this.#checker.typeToString(type, undefined, NO_TRUNCATION)]));
    return [...types].sort((a, b) => ((texts.get(a) ?? "") < (texts.get(b) ?? "") ? -1 : 1));
  }

  #annotationsOf(symbol: Field): Annotations {
    const text = (parts: readonly { readonly text: string }[] = []) => parts.map((part) => part.text).join("");
    const description = text(symbol.getDocumentationComment(this.#checker));
    const otherwise = symbol.getJsDocTags(this.#checker).find(({ name }) => name === "default");
    return { ...(description !== "" && { description }), ...(otherwise !== undefined && { default: text(otherwise.text) }) };
  }
}

/** TypeFormatFlags.NoTruncation of TypeScript, whose values the library does not export. */
const NO_TRUNCATION = 1;

const SIMPLE: Readonly<Record<string, () => BaseType>> = {
  string: () => new StringType(),
  number: () => new NumberType(),
  boolean: () => new BooleanType(),
  undefined: () => new UndefinedType(),
  true: () => new LiteralType(true),
  false: () => new LiteralType(false),
};

/** Undefined where one of the parts is. */
function whole<Part>(parts: readonly (Part | undefined)[], make: (parts: Part[]) => BaseType): BaseType | undefined {
  const known = parts.filter((part) => part !== undefined);
  return known.length === parts.length ? make(known) : undefined;
}
