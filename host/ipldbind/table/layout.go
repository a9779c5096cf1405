package table

import (
	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
)

// The kinds as the bytes they are in a node.
const (
	kindNull   = uint8(abi.KindNull)
	kindBool   = uint8(abi.KindBool)
	kindUint   = uint8(abi.KindUint)
	kindNint   = uint8(abi.KindNint)
	kindFloat  = uint8(abi.KindFloat)
	kindString = uint8(abi.KindString)
	kindBytes  = uint8(abi.KindBytes)
	kindLink   = uint8(abi.KindLink)
	kindList   = uint8(abi.KindList) // this and the next are containers
	kindMap    = uint8(abi.KindMap)
)

// Flags of maps: what is known of the order of their keys.
const (
	unordered   = uint8(abi.MapUnordered)
	bytewise    = uint8(abi.MapBytewise)
	lengthFirst = uint8(abi.MapLengthFirst)
)

// kinds maps kinds of records to those of the data model.
var kinds = [...]datamodel.Kind{
	kindNull:   datamodel.Kind_Null,
	kindBool:   datamodel.Kind_Bool,
	kindUint:   datamodel.Kind_Int,
	kindNint:   datamodel.Kind_Int,
	kindFloat:  datamodel.Kind_Float,
	kindString: datamodel.Kind_String,
	kindBytes:  datamodel.Kind_Bytes,
	kindLink:   datamodel.Kind_Link,
	kindList:   datamodel.Kind_List,
	kindMap:    datamodel.Kind_Map,
}
