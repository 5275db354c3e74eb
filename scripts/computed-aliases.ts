import {
  AnnotatedType,
  ArrayType,
  BaseError,
  type BaseType,
  BooleanType,
  Context,
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
type Alias = Parameters<TypeAliasNodeParser["createType"]>[0];

/**
 * Types that are computed from tables (`keyof typeof ROWS`, what valibot infers): the library reads types off their syntax, where these do not stand. Of an alias that it can't read so, the compiler is asked what it comes to.
 */
export class ComputedAliases implements SubNodeParser {
  readonly #checker: Checker;
  readonly #bySyntax: TypeAliasNodeParser;
  /** By alias; undefined where its syntax says all, or neither of the two ways leads on. */
  readonly #computed = new Map<Alias, BaseType | undefined>();

  constructor(checker: Checker, types: NodeParser) {
    this.#checker = checker;
    this.#bySyntax = new TypeAliasNodeParser(checker, types);
  }

  supportsNode(node: Alias): boolean {
    if (!this.#bySyntax.supportsNode(node) || node.typeParameters !== undefined) return false;
    // Only a file with a table computes types from it, and to try takes time.
    if (!/\btypeof\b/.test(node.getSourceFile().text)) return false;
    // An alias that is asked for again while its syntax is read names itself.
    if (!this.#computed.has(node)) {
      this.#computed.set(node, undefined);
      this.#computed.set(node, this.#isReadable(node) ? undefined : this.#compute(node));
    }
    return this.#computed.get(node) !== undefined;
  }

  createType(node: Alias): BaseType {
    const type = this.#computed.get(node);
    if (type === undefined) throw new Error(`${node.name.text} is no computed type`);
    return new DefinitionType(node.name.text, type);
  }

  #isReadable(node: Alias): boolean {
    try {
      this.#bySyntax.createType(node, new Context());
      return true;
    } catch (error) {
      if (error instanceof BaseError) return false;
      throw error;
    }
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
        inOrder(type.types).map((each, index) => this.#typeOf(each, `${id}-${index}`)),
        (parts) => new UnionType(parts),
      );
    if (this.#checker.isArrayType(type)) {
      const [item] = this.#checker.getTypeArguments(type as Parameters<Checker["getTypeArguments"]>[0]);
      const items = item === undefined ? undefined : this.#typeOf(item, `${id}-item`);
      return items === undefined ? undefined : new ArrayType(items);
    }
    if (type.getCallSignatures().length > 0 || type.getProperties().length === 0) return undefined;
    return whole(
      type.getProperties().map((symbol) => {
        const value = this.#typeOf(this.#checker.getTypeOfSymbol(symbol), `${id}-${symbol.name}`);
        if (value === undefined) return undefined;
        const description = symbol
          .getDocumentationComment(this.#checker)
          .map(({ text }) => text)
          .join("");
        const said = description === "" ? value : new AnnotatedType(value, { description }, false);
        // What may be left out may be undefined, which the library makes of it.
        return new ObjectProperty(symbol.name, said, true);
      }),
      (properties) => new ObjectType(id, [], properties, false),
    );
  }
}

/** By name where all are names: the compiler's own order changes with what else it has read. */
function inOrder(types: readonly Checked[]): readonly Checked[] {
  return types.every((type) => type.isStringLiteral()) ? [...types].sort((a, b) => (a.value < b.value ? -1 : 1)) : types;
}

const SIMPLE: Readonly<Record<string, () => BaseType>> = {
  string: () => new StringType(),
  number: () => new NumberType(),
  boolean: () => new BooleanType(),
  undefined: () => new UndefinedType(),
};

/** Undefined where one of the parts is. */
function whole<Part>(parts: readonly (Part | undefined)[], make: (parts: Part[]) => BaseType): BaseType | undefined {
  const known = parts.filter((part) => part !== undefined);
  return known.length === parts.length ? make(known) : undefined;
}
